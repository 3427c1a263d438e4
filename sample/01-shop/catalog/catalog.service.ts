import { Injectable } from '@nestjs/common';
import {
  EntityNotFoundError,
  InjectTxRepository,
  Transactional,
  TxRepository,
} from 'nestjs-distributed-tx';
import { InventoryService } from '../inventory/inventory.service.js';
import { Catalog } from './catalog.entity.js';
import { Product } from './product.entity.js';
import type { ProductView } from './product.view.js';

const CATALOG = 'main';

@Injectable()
export class CatalogService {
  constructor(
    @InjectTxRepository(Product) private readonly products: TxRepository<Product>,
    @InjectTxRepository(Catalog) private readonly catalogs: TxRepository<Catalog>,
    private readonly inventory: InventoryService,
  ) {}

  /**
   * For looking, not for deciding: three reads, each true for itself, that make nobody wait. An order
   * checks price and stock again.
   */
  async browse(): Promise<ProductView[]> {
    const catalog = await this.catalogs.findOne(CATALOG);
    return this.view(catalog?.skus ?? []);
  }

  /** @throws EntityNotFoundError */
  async findOne(sku: string): Promise<ProductView> {
    const [product] = await this.view([sku]);
    if (product === undefined) throw new EntityNotFoundError('product', [sku]);
    return product;
  }

  /**
   * The products as they are; inside a transaction they have to be the same when it commits.
   * @throws EntityNotFoundError
   */
  findAll(skus: readonly string[]): Promise<Product[]> {
    return this.products.findManyOrFail(skus);
  }

  /** Makes these the products of the shop. */
  @Transactional()
  async publish(products: readonly Product[]): Promise<void> {
    for (const product of products) await this.products.save(product);
    await this.catalogs.save({ id: CATALOG, skus: products.map(({ sku }) => sku) });
  }

  private async view(skus: readonly string[]): Promise<ProductView[]> {
    const [products, available] = await Promise.all([
      this.products.findMany(skus),
      this.inventory.availabilityOf(skus),
    ]);
    return products.flatMap((product, index) => {
      if (product === null) return [];
      const { sku, name, priceCents } = product;
      return [{ sku, name, priceCents, available: available[index] ?? 0 }];
    });
  }
}
