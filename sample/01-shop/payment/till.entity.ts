import { ApiProperty } from '@nestjs/swagger';
import { TxEntity } from 'nestjs-distributed-tx';

/** What the shop has taken. Every order pays into it, so it must be a counter. */
@TxEntity({ name: 'till', counters: ['takingsCents'] })
export class Till {
  @ApiProperty({ example: 'main' })
  id!: string;

  @ApiProperty({ example: 0 })
  takingsCents!: number;
}
