import { TxEntity } from 'nestjs-distributed-tx';

@TxEntity({ name: 'customer' })
export class Customer {
  id!: string;
  name!: string;
  address!: string;
  accountIds!: string[];
}
