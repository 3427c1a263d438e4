import { ApiProperty } from '@nestjs/swagger';
import { Column, CreateDateColumn, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

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

@Entity('shop_order')
@Index(['customerId', 'placedAt'])
export class Order {
  @ApiProperty({ format: 'uuid' })
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @ApiProperty({ example: 'ada' })
  @Column('varchar', { length: 64 })
  customerId!: string;

  @ApiProperty({ type: [OrderLine] })
  @Column('jsonb')
  lines!: OrderLine[];

  @ApiProperty({ example: 2900 })
  @Column('int')
  totalCents!: number;

  @ApiProperty({ enum: ORDER_STATUSES })
  @Column('varchar', { length: 16 })
  status!: OrderStatus;

  @ApiProperty({ format: 'date-time' })
  @CreateDateColumn({ type: 'timestamptz' })
  placedAt!: Date;
}
