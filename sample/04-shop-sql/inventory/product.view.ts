import { ApiProperty } from '@nestjs/swagger';

/** A product as the shop window shows it. */
export class ProductView {
  @ApiProperty({ example: 'mug' })
  sku!: string;

  @ApiProperty({ example: 'Stoneware mug' })
  name!: string;

  @ApiProperty({ example: 1450 })
  priceCents!: number;

  @ApiProperty({ example: 12, description: 'How many were left a moment ago.' })
  available!: number;
}
