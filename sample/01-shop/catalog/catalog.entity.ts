import { TxEntity } from 'nestjs-distributed-tx';

/** Entities are found by id only: what shall be listed has its ids in an entity of its own. */
@TxEntity({ name: 'catalog' })
export class Catalog {
  id!: string;
  skus!: string[];
}
