import { ApiProperty } from '@nestjs/swagger';
import { TxEntity } from 'nestjs-distributed-tx';

/** What a customer has to spend. */
@TxEntity({ name: 'account', counters: ['balanceCents'] })
export class Account {
  @ApiProperty({ example: 'ada' })
  id!: string;

  @ApiProperty({ example: 'Ada' })
  owner!: string;

  @ApiProperty({ example: 50_000 })
  balanceCents!: number;
}
