import { Controller, Get, Param } from '@nestjs/common';
import { ApiNotFoundResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CatalogService } from './catalog.service.js';
import { ProductView } from './product.view.js';

@ApiTags('catalog')
@Controller('products')
export class CatalogController {
  constructor(private readonly catalog: CatalogService) {}

  @Get()
  @ApiOperation({ summary: 'All products with what is left of them' })
  @ApiOkResponse({ type: [ProductView] })
  browse(): Promise<ProductView[]> {
    return this.catalog.browse();
  }

  @Get(':sku')
  @ApiOperation({ summary: 'One product' })
  @ApiOkResponse({ type: ProductView })
  @ApiNotFoundResponse({ description: 'There is no such product.' })
  findOne(@Param('sku') sku: string): Promise<ProductView> {
    return this.catalog.findOne(sku);
  }
}
