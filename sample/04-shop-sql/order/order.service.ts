import { ConflictException, Injectable, NotFoundException } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Transactional } from 'nestjs-distributed-tx';
import { Repository } from 'typeorm';
import { InventoryService } from '../inventory/inventory.service.js';
import { PaymentService, TILL } from '../payment/payment.service.js';
import { Order, type OrderLine } from './order.entity.js';
import type { PlaceOrderDto, PlaceOrderItemDto } from './place-order.dto.js';

const LATEST = 20;

/**
 * While PostgreSQL decides about an order, what it takes from stock is locked; all who order the same
 * product at that moment run again.
 */
const PATIENT = { timeoutMs: 15_000, retry: { attempts: 100 } };

@Injectable()
export class OrderService {
  constructor(
    @InjectRepository(Order) private readonly orders: Repository<Order>,
    private readonly inventory: InventoryService,
    private readonly payment: PaymentService,
  ) {}

  /**
   * Stock in Redis, money by its participant, the order in PostgreSQL: all of them or none.
   * @throws EntityNotFoundError for an unknown product or customer.
   * @throws CounterBoundError when stock or money do not suffice.
   */
  @Transactional(PATIENT)
  async place({ customerId, items }: PlaceOrderDto): Promise<Order> {
    const lines = await this.price(items);
    const totalCents = lines.reduce((sum, line) => sum + line.priceCents * line.quantity, 0);
    for (const { sku, quantity } of lines) await this.inventory.reserve(sku, quantity);
    await this.payment.pay({ from: customerId, to: TILL, amountCents: totalCents });
    return this.orders.save({ customerId, lines, totalCents, status: 'placed' });
  }

  /**
   * Gives stock and money back. Of two who cancel an order at once PostgreSQL lets one commit; the
   * other runs again and finds it cancelled.
   * @throws NotFoundException, ConflictException
   */
  @Transactional()
  async cancel(id: string): Promise<Order> {
    const order = await this.findOne(id);
    if (order.status === 'cancelled') {
      throw new ConflictException(`Order ${id} is cancelled already.`);
    }
    for (const { sku, quantity } of order.lines) await this.inventory.restore(sku, quantity);
    await this.payment.pay({ from: TILL, to: order.customerId, amountCents: order.totalCents });
    return this.orders.save({ ...order, status: 'cancelled' });
  }

  /** @throws NotFoundException */
  async findOne(id: string): Promise<Order> {
    const order = await this.orders.findOneBy({ id });
    if (order === null) throw new NotFoundException(`There is no order ${id}.`);
    return order;
  }

  /** The latest orders of a customer. */
  ordersOf(customerId: string): Promise<Order[]> {
    return this.orders.find({ where: { customerId }, order: { placedAt: 'DESC' }, take: LATEST });
  }

  count(): Promise<number> {
    return this.orders.count();
  }

  @Transactional()
  async forgetAll(): Promise<void> {
    await this.orders.createQueryBuilder().delete().execute();
  }

  private async price(items: readonly PlaceOrderItemDto[]): Promise<OrderLine[]> {
    const prices = await this.inventory.pricesOf(items.map(({ sku }) => sku));
    return items.map(({ sku, quantity }, index) => ({ sku, quantity, priceCents: prices[index]! }));
  }
}
