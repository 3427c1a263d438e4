import { ApiProperty } from '@nestjs/swagger';
import { Product } from './product.entity.js';

/** A product as the shop window shows it. */
export class ProductView extends Product {
  @ApiProperty({ example: 12, description: 'How many were left a moment ago.' })
  available!: number;
}
