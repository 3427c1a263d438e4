import { Controller, Get, Param } from '@nestjs/common';
import { ApiNotFoundResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Account } from './account.entity.js';
import { PaymentService } from './payment.service.js';
import { Till } from './till.entity.js';

@ApiTags('payment')
@Controller()
export class PaymentController {
  constructor(private readonly payment: PaymentService) {}

  @Get('customers')
  @ApiOperation({ summary: 'The customers and what they have to spend' })
  @ApiOkResponse({ type: [Account] })
  customers(): Promise<Account[]> {
    return this.payment.customers();
  }

  @Get('customers/:id')
  @ApiOperation({ summary: 'One customer' })
  @ApiOkResponse({ type: Account })
  @ApiNotFoundResponse({ description: 'There is no such customer.' })
  customer(@Param('id') id: string): Promise<Account> {
    return this.payment.account(id);
  }

  @Get('till')
  @ApiOperation({ summary: 'What the shop has taken' })
  @ApiOkResponse({ type: Till })
  till(): Promise<Till> {
    return this.payment.till();
  }
}
