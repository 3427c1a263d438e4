import { ApiProperty } from '@nestjs/swagger';

export const FLASH_OUTCOMES = ['sold', 'refused'] as const;
export type FlashOutcome = (typeof FLASH_OUTCOMES)[number];

/** One side of the books at one moment. */
export class FlashSaleBooks {
  @ApiProperty({ example: 50, description: 'How many are left.' })
  stock!: number;

  @ApiProperty({ example: 2_000_000, description: 'What all buyers have together.' })
  buyersCents!: number;

  @ApiProperty({ example: 0, description: 'What the shop has taken.' })
  takingsCents!: number;
}

/** What became of a flash sale, counted from the replies and, apart from them, from the store. */
export class FlashSaleReport {
  @ApiProperty({ example: 'keyboard-50' })
  sku!: string;

  @ApiProperty({ example: 8900 })
  priceCents!: number;

  @ApiProperty({ example: 200 })
  buyers!: number;

  @ApiProperty({ example: 50 })
  sold!: number;

  @ApiProperty({ example: 150 })
  refused!: number;

  @ApiProperty({ type: FlashSaleBooks })
  before!: FlashSaleBooks;

  @ApiProperty({ type: FlashSaleBooks })
  after!: FlashSaleBooks;

  @ApiProperty({ description: 'Whether stock and money have changed by exactly what was sold.' })
  exact!: boolean;

  @ApiProperty({ enum: FLASH_OUTCOMES, isArray: true, description: 'By buyer.' })
  outcomes!: FlashOutcome[];

  @ApiProperty({ example: 60 })
  tookMs!: number;
}
