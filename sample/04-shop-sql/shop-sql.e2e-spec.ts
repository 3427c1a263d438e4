import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Test } from '@nestjs/testing';
import { CounterBoundError } from 'nestjs-distributed-tx';
import { DataSource } from 'typeorm';
import { poll } from '../../test/support/poll.js';
import { describePostgres, PostgresServer } from '../../test/support/postgres-server.js';
import { describeRedis, RedisServer } from '../../test/support/redis-server.js';
import { AppModule } from './app.module.js';
import { configureApp } from './configure-app.js';
import { BALANCES, DELIVERIES, FLASH_SKU } from './demo/demo-data.js';
import { DemoDataService } from './demo/demo-data.service.js';
import type { FlashSaleReport } from './demo/flash-sale.report.js';
import { BUYER_IDS, FlashSaleService, PURSE_CENTS } from './demo/flash-sale.service.js';
import { InventoryService } from './inventory/inventory.service.js';
import type { Order } from './order/order.entity.js';
import { OrderService } from './order/order.service.js';
import type { Account } from './payment/account.entity.js';
import { PaymentService, TILL } from './payment/payment.service.js';

const PRICE_CENTS = 8900;
const SETTLED = { deadlineMs: 20_000, intervalMs: 50 };

/** The shop over HTTP, and what it has written, in each of the three places. */
class Shop {
  private constructor(
    readonly app: NestExpressApplication,
    private readonly url: string,
  ) {}

  static async open(): Promise<Shop> {
    const module = await Test.createTestingModule({ imports: [AppModule] }).compile();
    const app = configureApp(
      module.createNestApplication<NestExpressApplication>({ logger: ['fatal', 'error'] }),
    );
    await app.listen(0, '127.0.0.1');
    return new Shop(app, await app.getUrl());
  }

  async send<Body = Record<string, unknown>>(method: string, path: string, data?: unknown) {
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

  /** The rows, past everything that takes part in transactions but the data source. */
  rows(): Promise<{ readonly id: string; readonly status: string }[]> {
    return this.app.get(DataSource).query('SELECT id, status FROM shop_order ORDER BY "placedAt"');
  }

  /** Once nothing is on its way from one account to another. */
  accounts(ids: readonly string[]): Promise<Account[]> {
    const read = async (): Promise<Account[] | undefined> => {
      const accounts = await this.app.get(PaymentService).accountsOf(ids);
      return accounts.every(({ reservedCents }) => reservedCents === 0) ? accounts : undefined;
    };
    return poll(read, { ...SETTLED, until: 'all payments are captured or released' });
  }

  /** Everything an order can change. */
  async state() {
    const accounts = await this.accounts(Object.keys(BALANCES));
    const skus = DELIVERIES.map(({ sku }) => sku);
    const products = await this.app.get(InventoryService).view(skus);
    return {
      stock: Object.fromEntries(products.map(({ sku, available }) => [sku, available])),
      balances: Object.fromEntries(accounts.map(({ id, balanceCents }) => [id, balanceCents])),
      orders: await this.rows(),
    };
  }
}

const firstDay = {
  stock: Object.fromEntries(DELIVERIES.map(({ sku, available }) => [sku, available])),
  balances: BALANCES,
  orders: [],
};

/** The promises of the shop, on the servers that PG_URL and REDIS_URL name at that time. */
function describePromises(): void {
  let shop: Shop;

  beforeAll(async () => {
    shop = await Shop.open();
  });
  afterAll(() => shop.app.close());
  beforeEach(async () => {
    await shop.accounts(Object.keys(BALANCES)).catch(() => undefined);
    await shop.app.get(DemoDataService).reset();
  });

  it('changes stock, money and the table of orders with one order', async () => {
    const { status, body } = await shop.order('ada', ['mug', 2], ['lamp', 1]);

    expect(status).toBe(201);
    expect(body).toMatchObject({ customerId: 'ada', totalCents: 8800, status: 'placed' });
    expect(await shop.send('GET', `/orders/${body.id}`)).toEqual({ status: 200, body });
    expect(await shop.send('GET', '/customers/ada/orders')).toEqual({ status: 200, body: [body] });
    expect(await shop.state()).toEqual({
      stock: { ...firstDay.stock, mug: 118, lamp: 11 },
      balances: { ...BALANCES, ada: 41_200, [TILL]: 8800 },
      orders: [{ id: body.id, status: 'placed' }],
    });
  });

  it('leaves no row when the payment vetoes after the row was inserted', async () => {
    const { status, body } = await shop.order('penny', ['mug', 1], ['lamp', 1]);

    expect(status).toBe(402);
    expect(body).toMatchObject({ reason: 'insufficient-funds' });
    expect(await shop.state()).toEqual(firstDay);
  });

  it('leaves no row and no payment when one product of several is sold out', async () => {
    const { status, body } = await shop.order('ada', ['mug', 1], ['chair', 4]);

    expect(status).toBe(409);
    expect(body).toMatchObject({ reason: 'sold-out', message: 'Only 3 of chair are left.' });
    expect(await shop.state()).toEqual(firstDay);
  });

  it('takes neither stock nor money when the database refuses the row', async () => {
    const tooMuch = shop.app.get(OrderService).place({
      customerId: 'a'.repeat(65),
      items: [{ sku: 'mug', quantity: 1 }],
    });

    await expect(tooMuch).rejects.toThrow(/value too long/);
    expect(await shop.state()).toEqual(firstDay);
  });

  it('gives stock and money back when an order is cancelled', async () => {
    const { body: order } = await shop.order('grace', ['lamp', 2], ['mug', 1]);

    const { status, body } = await shop.send<Order>('POST', `/orders/${order.id}/cancel`);

    expect(status).toBe(200);
    expect(body).toEqual({ ...order, status: 'cancelled' });
    const orders = [{ id: order.id, status: 'cancelled' }];
    expect(await shop.state()).toEqual({ ...firstDay, orders });
  });

  it('cancels an order once, however many ask for it at the same time', async () => {
    const { body: order } = await shop.order('grace', ['lamp', 2]);

    const replies = await Promise.all(
      Array.from({ length: 5 }, () => shop.send('POST', `/orders/${order.id}/cancel`)),
    );

    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(replies.filter(({ status }) => status === 409)).toHaveLength(4);
    const { stock, balances } = await shop.state();
    expect({ stock, balances, orders: [] }).toEqual(firstDay);
  });

  it('sells exactly the last 50 pieces to 200 buyers who order at once', async () => {
    const { status, body } = await shop.send<FlashSaleReport>('POST', '/demo/flash-sale');

    expect(status).toBe(200);
    expect(body).toMatchObject({ buyers: 200, sold: 50, refused: 150, exact: true });
    expect(body.after).toEqual({
      stock: 0,
      buyersCents: 200 * PURSE_CENTS - 50 * PRICE_CENTS,
      takingsCents: 50 * PRICE_CENTS,
      orders: 50,
    });
    const { stock, balances, orders } = await shop.state();
    expect(stock[FLASH_SKU]).toBe(0);
    expect(balances[TILL]).toBe(50 * PRICE_CENTS);
    expect(orders).toHaveLength(50);
  });

  it.each([
    ['no items', { customerId: 'ada', items: [] }],
    ['no customer', { items: [{ sku: 'mug', quantity: 1 }] }],
    ['half a mug', { customerId: 'ada', items: [{ sku: 'mug', quantity: 0.5 }] }],
  ])('answers 400 to an order with %s', async (_, order) => {
    expect((await shop.send('POST', '/orders', order)).status).toBe(400);
    expect(await shop.state()).toEqual(firstDay);
  });

  it('answers 404 where there is nothing, and changes nothing', async () => {
    const noOrder = '/orders/00000000-0000-4000-8000-000000000000';
    expect((await shop.send('GET', '/products/nothing')).status).toBe(404);
    expect((await shop.send('GET', '/accounts/nobody')).status).toBe(404);
    expect((await shop.send('GET', noOrder)).status).toBe(404);
    expect((await shop.send('POST', `${noOrder}/cancel`)).status).toBe(404);
    expect((await shop.order('ada', ['mug', 1], ['nothing', 1])).status).toBe(404);
    expect((await shop.order('nobody', ['mug', 1])).status).toBe(404);
    expect(await shop.state()).toEqual(firstDay);
  });

  it('is healthy and documented', async () => {
    expect(await shop.send('GET', '/health')).toMatchObject({ body: { status: 'ok' } });
    const { body } = await shop.send<{ paths: object }>('GET', '/api-json');
    expect(Object.keys(body.paths)).toEqual(
      expect.arrayContaining(['/orders', '/orders/{id}/cancel', '/demo/flash-sale']),
    );
  });
}

describePostgres('The shop with PostgreSQL', () => {
  let postgres: PostgresServer;

  beforeAll(async () => {
    postgres = await PostgresServer.start();
    process.env['PG_URL'] = postgres.connectionString();
  });
  afterAll(async () => {
    delete process.env['PG_URL'];
    await postgres.stop();
  });

  describe('on the embedded store', () => {
    describePromises();
  });

  describeRedis('on Redis', () => {
    let redis: RedisServer;

    beforeAll(async () => {
      redis = await RedisServer.start();
      process.env['REDIS_URL'] = redis.url;
    });
    afterAll(async () => {
      delete process.env['REDIS_URL'];
      await redis.stop();
    });

    describePromises();

    it('has exact books after PostgreSQL was killed in the middle of a sale', async () => {
      const shop = await Shop.open();
      try {
        await shop.app.get(DemoDataService).reset();
        await shop.app.get(FlashSaleService).prepare();
        let sold = 0;
        const orders = Promise.allSettled(
          BUYER_IDS.map(async (customerId) => {
            const items = [{ sku: FLASH_SKU, quantity: 1 }];
            const order = await shop.app.get(OrderService).place({ customerId, items });
            sold += 1;
            return order;
          }),
        );
        await poll(() => (sold >= 10 ? true : undefined), { ...SETTLED, until: 'ten are sold' });
        await postgres.kill();
        await postgres.restart();
        const outcomes = await orders;

        const accounts = await shop.accounts([...BUYER_IDS, TILL]);
        const [product] = await shop.app.get(InventoryService).view([FLASH_SKU]);
        const rows = await shop.rows();
        const confirmed = outcomes.flatMap((outcome) =>
          outcome.status === 'fulfilled' ? [outcome.value.id] : [],
        );
        const ids = rows.map(({ id }) => id);
        expect(ids).toEqual(expect.arrayContaining(confirmed));
        expect(product!.available).toBe(50 - rows.length);
        const balances = accounts.map(({ balanceCents }) => balanceCents);
        expect(balances.at(-1)).toBe(rows.length * PRICE_CENTS);
        expect(balances.reduce((sum, cents) => sum + cents, 0)).toBe(200 * PURSE_CENTS);
        expect(outcomes.some((one) => isOtherThanRefused(one))).toBe(true);
      } finally {
        await shop.app.close();
      }
    }, 60_000);
  });
});

function isOtherThanRefused(outcome: PromiseSettledResult<Order>): boolean {
  return outcome.status === 'rejected' && !(outcome.reason instanceof CounterBoundError);
}
