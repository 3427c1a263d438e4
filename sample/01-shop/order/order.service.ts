import { randomUUID } from 'node:crypto';
import { ConflictException, Injectable } from '@nestjs/common';
import { InjectTxRepository, Transactional, TxRepository } from 'nestjs-distributed-tx';
import { CatalogService } from '../catalog/catalog.service.js';
import { InventoryService } from '../inventory/inventory.service.js';
import { PaymentService } from '../payment/payment.service.js';
import { OrderHistory } from './order-history.entity.js';
import { Order, type OrderLine } from './order.entity.js';
import type { PlaceOrderDto, PlaceOrderItemDto } from './place-order.dto.js';

const HISTORY_LENGTH = 20;

@Injectable()
export class OrderService {
  // oxlint-disable-next-line max-params -- Nest injects by position
  constructor(
    @InjectTxRepository(Order) private readonly orders: TxRepository<Order>,
    @InjectTxRepository(OrderHistory) private readonly histories: TxRepository<OrderHistory>,
    private readonly catalog: CatalogService,
    private readonly inventory: InventoryService,
    private readonly payment: PaymentService,
  ) {}

  /**
   * Stock, money and order change together or not at all: the methods of the other services join this
   * transaction.
   * @throws EntityNotFoundError for an unknown product or customer.
   * @throws CounterBoundError when stock or money do not suffice.
   */
  @Transactional()
  async place({ customerId, items }: PlaceOrderDto): Promise<Order> {
    const lines = await this.price(items);
    const totalCents = lines.reduce((sum, line) => sum + line.priceCents * line.quantity, 0);
    for (const { sku, quantity } of lines) await this.inventory.reserve(sku, quantity);
    await this.payment.charge(customerId, totalCents);
    const order = await this.orders.insert({
      id: randomUUID(),
      customerId,
      lines,
      totalCents,
      status: 'placed',
      placedAt: new Date().toISOString(),
    });
    await this.remember(order);
    return order;
  }

  /**
   * Gives stock and money back. The order that was read has to be the same at commit: of two who cancel
   * it at once one commits, and the other runs again and finds it cancelled.
   * @throws EntityNotFoundError, ConflictException
   */
  @Transactional()
  async cancel(id: string): Promise<Order> {
    const order = await this.orders.findOneOrFail(id);
    if (order.status === 'cancelled') {
      throw new ConflictException(`Order ${id} is cancelled already.`);
    }
    for (const { sku, quantity } of order.lines) await this.inventory.restore(sku, quantity);
    await this.payment.refund(order.customerId, order.totalCents);
    return this.orders.update(id, { status: 'cancelled' });
  }

  /** @throws EntityNotFoundError */
  findOne(id: string): Promise<Order> {
    return this.orders.findOneOrFail(id);
  }

  /** The latest orders of a customer. */
  @Transactional({ readOnly: true })
  async ordersOf(customerId: string): Promise<Order[]> {
    const history = await this.histories.findOne(customerId);
    if (history === null) return [];
    const orders = await this.orders.findMany(history.orderIds);
    return orders.filter((order) => order !== null);
  }

  /** The orders stay; the customer's list of them starts anew. */
  @Transactional()
  async forget(customerId: string): Promise<void> {
    await this.histories.save({ customerId, orderIds: [] });
  }

  private async price(items: readonly PlaceOrderItemDto[]): Promise<OrderLine[]> {
    const products = await this.catalog.findAll(items.map(({ sku }) => sku));
    return items.map(({ sku, quantity }, index) => ({
      sku,
      quantity,
      priceCents: products[index]!.priceCents,
    }));
  }

  private async remember({ id, customerId }: Order): Promise<void> {
    const history = await this.histories.findOne(customerId);
    const orderIds = [id, ...(history?.orderIds ?? [])].slice(0, HISTORY_LENGTH);
    await this.histories.save({ customerId, orderIds });
  }
}
