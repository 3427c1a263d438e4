import { TxEntity } from 'nestjs-distributed-tx';

/** The entry in the books. Its id comes from the customer, so that no order is carried out twice. */
@TxEntity({ name: 'transfer' })
export class Transfer {
  id!: string;
  from!: string;
  to!: string;
  amountCents!: number;
}
