import { ApiProperty } from '@nestjs/swagger';
import { TxEntity } from 'nestjs-distributed-tx';

/** The money of a customer, or of the shop. */
@TxEntity({ name: 'account', counters: ['balanceCents', 'reservedCents'] })
export class Account {
  @ApiProperty({ example: 'ada' })
  id!: string;

  @ApiProperty({ example: 50_000, description: 'What can be spent.' })
  balanceCents!: number;

  @ApiProperty({ example: 0, description: 'What is on its way to another account.' })
  reservedCents!: number;
}
