import { Controller, HttpCode, Post } from '@nestjs/common';
import {
  ApiConflictResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import { DemoDataService } from './demo-data.service.js';
import { FlashSaleReport } from './flash-sale.report.js';
import { FlashSaleService } from './flash-sale.service.js';

@ApiTags('demo')
@Controller('demo')
export class DemoController {
  constructor(
    private readonly flashSale: FlashSaleService,
    private readonly data: DemoDataService,
  ) {}

  @Post('flash-sale')
  @HttpCode(200)
  @ApiOperation({ summary: 'Sell the last 50 pieces to 200 buyers who order at the same time' })
  @ApiOkResponse({ type: FlashSaleReport })
  @ApiConflictResponse({ description: 'One is running already.' })
  runFlashSale(): Promise<FlashSaleReport> {
    return this.flashSale.run();
  }

  @Post('reset')
  @HttpCode(204)
  @ApiOperation({ summary: 'Fill stock and purses again, and forget all orders' })
  @ApiNoContentResponse()
  reset(): Promise<void> {
    return this.data.reset();
  }
}
