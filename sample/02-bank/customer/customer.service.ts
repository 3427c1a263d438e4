import { Injectable } from '@nestjs/common';
import { InjectTxRepository, TxRepository } from 'nestjs-distributed-tx';
import { Customer } from './customer.entity.js';

/** A customer's address as a form shows it, with the version that the form was filled from. */
export interface AddressForm {
  readonly customerId: string;
  readonly address: string;
  readonly version: string;
}

@Injectable()
export class CustomerService {
  constructor(@InjectTxRepository(Customer) private readonly customers: TxRepository<Customer>) {}

  /** Registers the customer, or starts anew without accounts. */
  async register(customer: Omit<Customer, 'accountIds'>): Promise<void> {
    await this.customers.save({ ...customer, accountIds: [] });
  }

  /** @throws EntityNotFoundError */
  findOne(id: string): Promise<Customer> {
    return this.customers.findOneOrFail(id);
  }

  async addAccount(id: string, accountId: string): Promise<void> {
    const { accountIds } = await this.customers.findOneOrFail(id);
    if (accountIds.includes(accountId)) return;
    await this.customers.update(id, { accountIds: [...accountIds, accountId] });
  }

  /** @throws EntityNotFoundError */
  async openAddressForm(customerId: string): Promise<AddressForm> {
    const customer = await this.customers.findOneOrFail(customerId);
    return {
      customerId,
      address: customer.address,
      version: this.customers.versionOf(customer)!,
    };
  }

  /**
   * Saves what a form was changed to, unless somebody saved another one while it was open: minutes lie
   * between the read and the write, far more than a transaction should last.
   * @throws VersionMismatchError
   */
  async submitAddressForm({ customerId, address, version }: AddressForm): Promise<void> {
    const customer = await this.customers.findOneOrFail(customerId);
    customer.address = address;
    await this.customers.save(customer, { expectedVersion: version });
  }
}
