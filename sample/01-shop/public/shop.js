const REFRESH_MS = 1000;

const byId = (id) => document.getElementById(id);
const euro = (cents, options) =>
  (cents / 100).toLocaleString('en', { style: 'currency', currency: 'EUR', ...options });
const wholeEuro = (cents) => euro(cents, { trailingZeroDisplay: 'stripIfInteger' });

let products = [];

async function call(method, path, body) {
  const response = await fetch(path, {
    method,
    headers: body ? { 'content-type': 'application/json' } : {},
    body: body ? JSON.stringify(body) : undefined,
  });
  if (response.status === 204) return undefined;
  const answer = await response.json();
  if (response.ok) return answer;
  throw Object.assign(new Error([answer.message].flat().join(' ')), { status: response.status });
}

/** An element with properties and children; texts are never read as HTML. */
function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

function row({ name, note, figure, className = '' }, ...actions) {
  const title = element('span', { className: 'name', textContent: name });
  return element(
    'li',
    { className },
    element('div', {}, title, element('small', { textContent: note })),
    element('div', { className: 'figure' }, figure, ...actions),
  );
}

/** Draws a list again where it has changed, and marks the rows that did. */
function draw(list, rows) {
  const before = [...list.children].map((child) => child.dataset.text);
  const texts = rows.map((each) => each.textContent);
  if (before.length === texts.length && texts.every((text, index) => text === before[index]))
    return;
  rows.forEach((each, index) => {
    each.dataset.text = texts[index];
    if (before.length > 0 && before[index] !== texts[index]) each.classList.add('changed');
  });
  list.replaceChildren(...rows);
}

function offer(select, options) {
  const wanted = options.map(({ value }) => value).join();
  if (select.dataset.offered === wanted) return;
  select.dataset.offered = wanted;
  select.replaceChildren(...options.map((option) => element('option', option)));
}

function showProducts() {
  draw(
    byId('products'),
    products.map(({ name, priceCents, available }) =>
      row({ name, note: euro(priceCents), figure: `${available} left` }),
    ),
  );
  offer(
    byId('product'),
    products.map(({ sku, name }) => ({ value: sku, textContent: name })),
  );
  showTotal();
}

function showTotal() {
  const product = products.find(({ sku }) => sku === byId('product').value);
  byId('total').value = euro((product?.priceCents ?? 0) * Number(byId('quantity').value));
}

function showCustomers(customers, till) {
  const rows = customers.map(({ owner, balanceCents }) =>
    row({ name: owner, note: 'has to spend', figure: euro(balanceCents) }),
  );
  const shop = row({ name: 'The shop', note: 'has taken', figure: euro(till.takingsCents) });
  draw(byId('customers'), [...rows, shop]);
  offer(
    byId('customer'),
    customers.map(({ id, owner }) => ({ value: id, textContent: owner })),
  );
}

function showOrders(orders) {
  const select = byId('customer');
  byId('orders-of').textContent = select.selectedOptions[0]?.textContent ?? '…';
  if (orders.length === 0) {
    draw(byId('orders'), [
      row({ name: 'None yet', note: 'Orders can be cancelled here.', figure: '' }),
    ]);
    return;
  }
  draw(byId('orders'), orders.map(orderRow));
}

function orderRow({ id, lines, totalCents, status }) {
  const what = lines.map(({ sku, quantity }) => `${quantity} × ${nameOf(sku)}`).join(', ');
  const cancel = element('button', {
    type: 'button',
    className: 'quiet',
    textContent: status === 'cancelled' ? 'Cancel again' : 'Cancel',
    onclick: () => act(() => cancelOrder(id, totalCents)),
  });
  cancel.setAttribute('aria-label', `${cancel.textContent}: ${what}`);
  const note = `${euro(totalCents)} · ${status}`;
  return row({ name: what, note, figure: '', className: status }, cancel);
}

const nameOf = (sku) => products.find((product) => product.sku === sku)?.name ?? sku;

async function refresh() {
  const [browsed, customers, till] = await Promise.all([
    call('GET', 'products'),
    call('GET', 'customers'),
    call('GET', 'till'),
  ]);
  products = browsed;
  showProducts();
  showCustomers(customers, till);
  const customer = encodeURIComponent(byId('customer').value);
  showOrders(await call('GET', `customers/${customer}/orders`));
}

function say(text, kind) {
  const message = byId('message');
  message.textContent = text;
  message.className = `message ${kind}`;
}

/** Runs what a button asks for, tells the refusal if there is one, and shows what has become of it. */
async function act(work) {
  try {
    await work();
  } catch (error) {
    say(explain(error), 'bad');
  }
  await refresh().catch(lost);
}

/** Only a refusal is sure to have changed nothing; a lost answer or a 503 is not. */
function explain({ status, message }) {
  if (status === undefined) return 'The shop does not answer.';
  return status < 500 ? `Refused: ${message} Nothing has changed.` : message;
}

function lost() {
  say('The shop does not answer.', 'bad');
}

async function placeOrder(customerId, sku, quantity) {
  const order = await call('POST', 'orders', { customerId, items: [{ sku, quantity }] });
  say(`Ordered ${quantity} × ${nameOf(sku)} for ${euro(order.totalCents)}.`, 'good');
}

async function cancelOrder(id, totalCents) {
  await call('POST', `orders/${id}/cancel`);
  say(`Cancelled: the stock is back, and so are ${euro(totalCents)}.`, 'good');
}

function equation(what, before, change, after) {
  return element(
    'tr',
    {},
    element('th', { scope: 'row', textContent: what }),
    ...[before, change, after].map((textContent) => element('td', { textContent })),
  );
}

function books({ before, after, sold, priceCents }) {
  const paid = sold * priceCents;
  const head = ['', 'before', 'sold', 'after'].map((textContent) =>
    element('th', { scope: 'col', textContent }),
  );
  return element(
    'table',
    {},
    element('caption', { textContent: `${sold} × ${wholeEuro(priceCents)} = ${wholeEuro(paid)}` }),
    element('thead', {}, element('tr', {}, ...head)),
    element(
      'tbody',
      {},
      equation('Stock', before.stock, `− ${sold}`, `= ${after.stock}`),
      equation(
        'Buyers',
        wholeEuro(before.buyersCents),
        `− ${wholeEuro(paid)}`,
        `= ${wholeEuro(after.buyersCents)}`,
      ),
      equation(
        'Shop',
        wholeEuro(before.takingsCents),
        `+ ${wholeEuro(paid)}`,
        `= ${wholeEuro(after.takingsCents)}`,
      ),
    ),
  );
}

function flashResult(report) {
  const { outcomes, sold, refused, exact, tookMs } = report;
  const squares = outcomes.map((outcome) => element('i', { className: outcome }));
  const picture = element('div', { className: 'outcomes', role: 'img' }, ...squares);
  picture.setAttribute('aria-label', `${sold} orders sold, ${refused} refused`);
  const verdict = exact ? 'Stock and money are exact.' : 'Stock and money do not add up.';
  const figures = [
    element('span', {}, element('b', { textContent: sold }), ' sold'),
    element('span', {}, element('b', { textContent: refused }), ' refused'),
    element('span', {}, element('b', { textContent: tookMs }), ' ms'),
  ];
  return [
    picture,
    element('p', { className: 'figures' }, ...figures),
    books(report),
    element('p', { className: `message ${exact ? 'good' : 'bad'}`, textContent: verdict }),
  ];
}

async function runFlashSale() {
  const button = byId('flash');
  const result = byId('flash-result');
  button.disabled = true;
  try {
    result.replaceChildren(...flashResult(await call('POST', 'demo/flash-sale')));
  } catch (error) {
    result.replaceChildren(element('p', { className: 'bad', textContent: error.message }));
  } finally {
    button.disabled = false;
  }
  await refresh().catch(lost);
}

byId('order').addEventListener('submit', (event) => {
  event.preventDefault();
  const { customerId, sku, quantity } = Object.fromEntries(new FormData(event.target));
  void act(() => placeOrder(customerId, sku, Number(quantity)));
});
byId('order').addEventListener('input', showTotal);
byId('customer').addEventListener('change', () => void refresh().catch(lost));
byId('flash').addEventListener('click', () => void runFlashSale());
byId('reset').addEventListener('click', () => {
  void act(async () => {
    await call('POST', 'demo/reset');
    say('Stock and purses are full again.', 'good');
  });
});
for (const button of document.querySelectorAll('[data-try]')) {
  button.addEventListener('click', () => {
    const [customerId, sku, quantity] = button.dataset.try.split(' ');
    byId('customer').value = customerId;
    byId('product').value = sku;
    byId('quantity').value = quantity;
    showTotal();
    void act(() => placeOrder(customerId, sku, Number(quantity)));
  });
}

await refresh().catch(lost);
setInterval(() => {
  if (!document.hidden) void refresh().catch(lost);
}, REFRESH_MS);
