import {
  Body,
  Controller,
  Get,
  HttpCode,
  Param,
  ParseUUIDPipe,
  Post,
  UseFilters,
} from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiConflictResponse,
  ApiCreatedResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiResponse,
  ApiTags,
} from '@nestjs/swagger';
import { OrderRefusedFilter } from './order-refused.filter.js';
import { Order } from './order.entity.js';
import { OrderService } from './order.service.js';
import { PlaceOrderDto } from './place-order.dto.js';

@ApiTags('orders')
@UseFilters(OrderRefusedFilter)
@Controller()
export class OrderController {
  constructor(private readonly orders: OrderService) {}

  @Post('orders')
  @ApiOperation({ summary: 'Take from stock, charge the customer and write the order, as one' })
  @ApiCreatedResponse({ type: Order })
  @ApiBadRequestResponse({ description: 'The order is not well-formed.' })
  @ApiResponse({ status: 402, description: 'The customer cannot pay. Nothing has changed.' })
  @ApiNotFoundResponse({ description: 'There is no such product or customer.' })
  @ApiConflictResponse({ description: 'Sold out. Nothing has changed.' })
  place(@Body() order: PlaceOrderDto): Promise<Order> {
    return this.orders.place(order);
  }

  @Get('orders/:id')
  @ApiOperation({ summary: 'One order' })
  @ApiOkResponse({ type: Order })
  @ApiNotFoundResponse({ description: 'There is no such order.' })
  findOne(@Param('id', ParseUUIDPipe) id: string): Promise<Order> {
    return this.orders.findOne(id);
  }

  @Post('orders/:id/cancel')
  @HttpCode(200)
  @ApiOperation({ summary: 'Give stock and money back' })
  @ApiOkResponse({ type: Order })
  @ApiNotFoundResponse({ description: 'There is no such order.' })
  @ApiConflictResponse({ description: 'It is cancelled already.' })
  cancel(@Param('id', ParseUUIDPipe) id: string): Promise<Order> {
    return this.orders.cancel(id);
  }

  @Get('customers/:id/orders')
  @ApiOperation({ summary: 'The latest orders of a customer' })
  @ApiOkResponse({ type: [Order] })
  ordersOf(@Param('id') customerId: string): Promise<Order[]> {
    return this.orders.ordersOf(customerId);
  }
}
