import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { ConflictException } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Test } from '@nestjs/testing';
import { describeOnEveryStore } from '../../test/support/every-store.js';
import { AppModule } from './app.module.js';
import { configureApp } from './configure-app.js';
import { DemoDataService } from './demo/demo-data.service.js';
import { CUSTOMERS, FLASH_SKU, PRODUCTS, STOCK } from './demo/demo-data.js';
import type { FlashSaleReport } from './demo/flash-sale.report.js';
import { FlashSaleService } from './demo/flash-sale.service.js';
import type { Order } from './order/order.entity.js';

interface Reply<Body> {
  readonly status: number;
  readonly body: Body;
}

/** The shop over HTTP, as a browser sees it. */
class ShopClient {
  constructor(private readonly url: string) {}

  async page(path: string): Promise<{ readonly status: number; readonly text: string }> {
    const response = await fetch(this.url + path);
    return { status: response.status, text: await response.text() };
  }

  async get<Body = unknown>(path: string): Promise<Body> {
    const { status, body } = await this.send<Body>('GET', path);
    if (status !== 200) throw new Error(`GET ${path} answered ${status}`);
    return body;
  }

  async send<Body = Record<string, unknown>>(
    method: string,
    path: string,
    data?: unknown,
  ): Promise<Reply<Body>> {
    const response = await fetch(this.url + path, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(data === undefined ? {} : { body: JSON.stringify(data) }),
    });
    const text = await response.text();
    return { status: response.status, body: (text === '' ? undefined : JSON.parse(text)) as Body };
  }

  order(customerId: string, ...items: (readonly [sku: string, quantity: number])[]) {
    return this.send<Order>('POST', '/orders', {
      customerId,
      items: items.map(([sku, quantity]) => ({ sku, quantity })),
    });
  }

  /** Everything an order can change. */
  async state() {
    const [products, customers, till, ...orders] = await Promise.all([
      this.get<{ sku: string; available: number }[]>('/products'),
      this.get<{ id: string; balanceCents: number }[]>('/customers'),
      this.get<{ takingsCents: number }>('/till'),
      ...CUSTOMERS.map(({ id }) => this.get<Order[]>(`/customers/${id}/orders`)),
    ]);
    return {
      stock: Object.fromEntries(products.map(({ sku, available }) => [sku, available])),
      balances: Object.fromEntries(customers.map(({ id, balanceCents }) => [id, balanceCents])),
      takings: till.takingsCents,
      orders: orders.flat().map(({ id, status }) => ({ id, status })),
    };
  }
}

const firstDay = {
  stock: Object.fromEntries(STOCK.map(({ sku, available }) => [sku, available])),
  balances: Object.fromEntries(CUSTOMERS.map(({ id, balanceCents }) => [id, balanceCents])),
  takings: 0,
  orders: [],
};

/** The promises of the shop, on the store that the environment names at that time. */
function describePromises(): void {
  let app: NestExpressApplication;
  let shop: ShopClient;

  beforeAll(async () => {
    const module = await Test.createTestingModule({ imports: [AppModule] }).compile();
    app = configureApp(module.createNestApplication<NestExpressApplication>());
    await app.listen(0, '127.0.0.1');
    shop = new ShopClient(await app.getUrl());
  });
  afterAll(() => app.close());
  beforeEach(() => app.get(DemoDataService).reset());

  it('changes stock, money and the order book with one order', async () => {
    const { status, body } = await shop.order('ada', ['mug', 2], ['lamp', 1]);

    expect(status).toBe(201);
    expect(body).toMatchObject({ customerId: 'ada', totalCents: 8800, status: 'placed' });
    expect(await shop.get(`/orders/${body.id}`)).toEqual(body);
    expect(await shop.state()).toEqual({
      stock: { ...firstDay.stock, mug: 118, lamp: 11 },
      balances: { ...firstDay.balances, ada: 41_200 },
      takings: 8800,
      orders: [{ id: body.id, status: 'placed' }],
    });
  });

  it('sells exactly the last 50 pieces to 200 buyers who order at once', async () => {
    const { status, body } = await shop.send<FlashSaleReport>('POST', '/demo/flash-sale');

    expect(status).toBe(200);
    expect(body).toMatchObject({ buyers: 200, sold: 50, refused: 150, exact: true });
    expect(body.outcomes).toHaveLength(200);
    expect(body.before).toEqual({ stock: 50, buyersCents: 2_000_000, takingsCents: 0 });
    expect(body.after).toEqual({
      stock: 0,
      buyersCents: 2_000_000 - 50 * 8900,
      takingsCents: 50 * 8900,
    });
    const { stock, takings } = await shop.state();
    expect(stock[FLASH_SKU]).toBe(0);
    expect(takings).toBe(50 * 8900);
  });

  it('sells exactly what is there when all orders come over HTTP', async () => {
    const replies = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        shop.order(index % 2 === 0 ? 'ada' : 'grace', ['chair', 1]),
      ),
    );

    const sold = replies.filter(({ status }) => status === 201);
    const { stock, balances, takings, orders } = await shop.state();
    // Ada can pay for two chairs and Grace for one, which is just what is in stock.
    expect(sold).toHaveLength(3);
    expect(replies.every(({ status }) => [201, 402, 409].includes(status))).toBe(true);
    expect(stock['chair']).toBe(0);
    expect(takings).toBe(3 * 24_900);
    expect(balances).toEqual({ ...firstDay.balances, ada: 200, grace: 5100 });
    expect(orders).toHaveLength(3);
  });

  it('refuses a second flash sale while one is running', async () => {
    const sale = app.get(FlashSaleService);
    const running = sale.run();

    await expect(sale.run()).rejects.toThrow(ConflictException);
    expect(await running).toMatchObject({ sold: 50, refused: 150, exact: true });
  });

  it('rolls everything back when the customer cannot pay', async () => {
    const { status, body } = await shop.order('penny', ['mug', 1], ['lamp', 1]);

    expect(status).toBe(402);
    expect(body).toMatchObject({ reason: 'insufficient-funds' });
    expect(await shop.state()).toEqual(firstDay);
  });

  it('rolls everything back when one product of several is sold out', async () => {
    const { status, body } = await shop.order('ada', ['mug', 1], ['chair', 4]);

    expect(status).toBe(409);
    expect(body).toMatchObject({ reason: 'sold-out', message: 'Only 3 of chair are left.' });
    expect(await shop.state()).toEqual(firstDay);
  });

  it('gives stock and money back when an order is cancelled', async () => {
    const { body: order } = await shop.order('grace', ['notebook', 3], ['mug', 1]);

    const { status, body } = await shop.send<Order>('POST', `/orders/${order.id}/cancel`);

    expect(status).toBe(200);
    expect(body).toMatchObject({ id: order.id, lines: order.lines, status: 'cancelled' });
    const orders = [{ id: order.id, status: 'cancelled' }];
    expect(await shop.state()).toEqual({ ...firstDay, orders });
  });

  it('cancels an order once, however many ask for it at the same time', async () => {
    const { body: order } = await shop.order('grace', ['notebook', 3]);

    const replies = await Promise.all(
      Array.from({ length: 5 }, () => shop.send('POST', `/orders/${order.id}/cancel`)),
    );

    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(replies.filter(({ status }) => status === 409)).toHaveLength(4);
    expect((await shop.send('POST', `/orders/${order.id}/cancel`)).status).toBe(409);
    const { stock, balances, takings } = await shop.state();
    expect({ stock, balances, takings, orders: [] }).toEqual(firstDay);
  });

  it.each([
    ['no items', { customerId: 'ada', items: [] }],
    ['no customer', { items: [{ sku: 'mug', quantity: 1 }] }],
    ['an empty sku', { customerId: 'ada', items: [{ sku: '', quantity: 1 }] }],
    ['a quantity of 0', { customerId: 'ada', items: [{ sku: 'mug', quantity: 0 }] }],
    ['a negative quantity', { customerId: 'ada', items: [{ sku: 'mug', quantity: -5 }] }],
    ['half a mug', { customerId: 'ada', items: [{ sku: 'mug', quantity: 0.5 }] }],
    ['a quantity in letters', { customerId: 'ada', items: [{ sku: 'mug', quantity: 'one' }] }],
    ['items that are no list', { customerId: 'ada', items: 'mug' }],
  ])('answers 400 to an order with %s', async (_, order) => {
    expect((await shop.send('POST', '/orders', order)).status).toBe(400);
    expect(await shop.state()).toEqual(firstDay);
  });

  it('answers 404 where there is nothing, and changes nothing', async () => {
    expect((await shop.send('GET', '/products/nothing')).status).toBe(404);
    expect((await shop.send('GET', '/customers/nobody')).status).toBe(404);
    expect((await shop.send('GET', '/orders/none')).status).toBe(404);
    expect((await shop.send('POST', '/orders/none/cancel')).status).toBe(404);
    expect((await shop.order('ada', ['mug', 1], ['nothing', 1])).status).toBe(404);
    expect((await shop.order('nobody', ['mug', 1])).status).toBe(404);
    expect(await shop.state()).toEqual(firstDay);
  });

  it('serves the page, its parts and the OpenAPI document', async () => {
    expect(await shop.page('/')).toMatchObject({
      status: 200,
      text: expect.stringContaining('<title>Shop'),
    });
    expect((await shop.page('/shop.css')).status).toBe(200);
    expect((await shop.page('/shop.js')).status).toBe(200);
    expect((await shop.page('/api')).status).toBe(200);
    const { paths } = await shop.get<{ paths: object }>('/api-json');
    expect(Object.keys(paths)).toEqual(
      expect.arrayContaining(['/orders', '/orders/{id}/cancel', '/demo/flash-sale']),
    );
  });

  it('is healthy', async () => {
    expect(await shop.get('/health')).toMatchObject({ status: 'ok' });
  });

  it('fills its shelves again', async () => {
    await shop.order('ada', ['mug', 2]);

    expect((await shop.send('POST', '/demo/reset')).status).toBe(204);
    expect(await shop.state()).toEqual(firstDay);
    expect(await shop.get('/products')).toHaveLength(PRODUCTS.length);
  });
}

describeOnEveryStore('The shop', describePromises);
