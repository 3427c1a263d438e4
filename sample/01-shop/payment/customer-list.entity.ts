import { TxEntity } from 'nestjs-distributed-tx';

/** The ids of the accounts that the shop shows. */
@TxEntity({ name: 'customer-list' })
export class CustomerList {
  id!: string;
  accountIds!: string[];
}
