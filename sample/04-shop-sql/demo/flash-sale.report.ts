import { ApiProperty } from '@nestjs/swagger';

/** The books of the shop at one moment. */
export class FlashSaleBooks {
  @ApiProperty({ example: 50, description: 'How many are left, in Redis.' })
  stock!: number;

  @ApiProperty({ example: 2_000_000, description: 'What all buyers have together.' })
  buyersCents!: number;

  @ApiProperty({ example: 0, description: 'What the shop has taken, or is about to.' })
  takingsCents!: number;

  @ApiProperty({ example: 0, description: 'How many orders there are, in PostgreSQL.' })
  orders!: number;
}

/** What became of a flash sale, counted from the replies and, apart from them, from the books. */
export class FlashSaleReport {
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

  @ApiProperty({ description: 'Whether all books have changed by exactly what was sold.' })
  exact!: boolean;

  @ApiProperty({ example: 900 })
  tookMs!: number;
}
