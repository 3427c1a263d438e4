import { TxEntity } from 'nestjs-distributed-tx';

/** May be overdrawn, as long as all accounts of its owner together are not. */
@TxEntity({ name: 'account', counters: ['balanceCents'] })
export class Account {
  id!: string;
  customerId!: string;
  balanceCents!: number;
}
