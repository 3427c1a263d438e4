import { Controller, Get, Param } from '@nestjs/common';
import { ApiNotFoundResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Account } from './account.entity.js';
import { PaymentService } from './payment.service.js';

@ApiTags('payment')
@Controller('accounts')
export class PaymentController {
  constructor(private readonly payment: PaymentService) {}

  @Get(':id')
  @ApiOperation({ summary: "The money of a customer, or the shop's: till" })
  @ApiOkResponse({ type: Account })
  @ApiNotFoundResponse({ description: 'There is no such account.' })
  account(@Param('id') id: string): Promise<Account> {
    return this.payment.account(id);
  }
}
