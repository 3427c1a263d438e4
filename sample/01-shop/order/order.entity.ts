import { ApiProperty } from '@nestjs/swagger';
import { TxEntity } from 'nestjs-distributed-tx';

export const ORDER_STATUSES = ['placed', 'cancelled'] as const;
export type OrderStatus = (typeof ORDER_STATUSES)[number];

/** What was bought at which price. */
export class OrderLine {
  @ApiProperty({ example: 'mug' })
  sku!: string;

  @ApiProperty({ example: 2 })
  quantity!: number;

  @ApiProperty({ example: 1450, description: 'The price of one when the order was placed.' })
  priceCents!: number;
}

export const ORDER_TTL_MS = 24 * 60 * 60 * 1000;

/** Expires a day after its last change. */
@TxEntity({ name: 'order', ttlMs: ORDER_TTL_MS })
export class Order {
  @ApiProperty({ format: 'uuid' })
  id!: string;

  @ApiProperty({ example: 'ada' })
  customerId!: string;

  @ApiProperty({ type: [OrderLine] })
  lines!: OrderLine[];

  @ApiProperty({ example: 2900 })
  totalCents!: number;

  @ApiProperty({ enum: ORDER_STATUSES })
  status!: OrderStatus;

  @ApiProperty({ format: 'date-time' })
  placedAt!: string;
}
