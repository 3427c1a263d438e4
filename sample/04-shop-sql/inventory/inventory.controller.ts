import { Controller, Get, Param } from '@nestjs/common';
import { ApiNotFoundResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { InventoryService } from './inventory.service.js';
import { ProductView } from './product.view.js';

@ApiTags('inventory')
@Controller('products')
export class InventoryController {
  constructor(private readonly inventory: InventoryService) {}

  @Get(':sku')
  @ApiOperation({ summary: 'One product with what is left of it' })
  @ApiOkResponse({ type: ProductView })
  @ApiNotFoundResponse({ description: 'There is no such product.' })
  async findOne(@Param('sku') sku: string): Promise<ProductView> {
    const [product] = await this.inventory.view([sku]);
    return product!;
  }
}
