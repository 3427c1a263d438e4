import {
  Catch,
  ConflictException,
  HttpException,
  HttpStatus,
  type ArgumentsHost,
  type ExceptionFilter,
} from '@nestjs/common';
import type { Response } from 'express';
import { CounterBoundError } from 'nestjs-distributed-tx';

/**
 * Tells the customer why an order was refused. A bound is checked when the transaction commits, after
 * the service's method has returned: this is the place that learns of it.
 */
@Catch(CounterBoundError)
export class OrderRefusedFilter implements ExceptionFilter<CounterBoundError> {
  catch(error: CounterBoundError, host: ArgumentsHost): void {
    const refusal = refusalFor(error);
    const response = host.switchToHttp().getResponse<Response>();
    response.status(refusal.getStatus()).json(refusal.getResponse());
  }
}

function refusalFor({ entity, id, value, message }: CounterBoundError): HttpException {
  switch (entity) {
    case 'stock':
      return new ConflictException({
        statusCode: HttpStatus.CONFLICT,
        reason: 'sold-out',
        message: value === 0 ? `${id} is sold out.` : `Only ${value} of ${id} are left.`,
      });
    case 'account':
      return new HttpException(
        {
          statusCode: HttpStatus.PAYMENT_REQUIRED,
          reason: 'insufficient-funds',
          message: `The account of ${id} holds less than the order costs.`,
        },
        HttpStatus.PAYMENT_REQUIRED,
      );
    default:
      return new ConflictException(message);
  }
}
