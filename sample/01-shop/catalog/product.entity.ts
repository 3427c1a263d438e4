import { ApiProperty } from '@nestjs/swagger';
import { TxEntity } from 'nestjs-distributed-tx';

/**
 * What an order reads, so that it is sold at the price that stands when it commits. How many are left
 * is kept apart, in Stock: every order changes that, and would conflict with all who read it here.
 */
@TxEntity({ name: 'product', id: 'sku' })
export class Product {
  @ApiProperty({ example: 'mug' })
  sku!: string;

  @ApiProperty({ example: 'Stoneware mug' })
  name!: string;

  @ApiProperty({ example: 1450 })
  priceCents!: number;
}
