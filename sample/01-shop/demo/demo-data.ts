import type { Product } from '../catalog/product.entity.js';
import type { Stock } from '../inventory/stock.entity.js';
import type { Account } from '../payment/account.entity.js';

/** The product of the flash sale. */
export const FLASH_SKU = 'keyboard-50';

export const PRODUCTS: readonly Product[] = [
  { sku: FLASH_SKU, name: 'Anniversary keyboard', priceCents: 8900 },
  { sku: 'mug', name: 'Stoneware mug', priceCents: 1450 },
  { sku: 'notebook', name: 'Dotted notebook', priceCents: 990 },
  { sku: 'lamp', name: 'Desk lamp', priceCents: 5900 },
  { sku: 'chair', name: 'Walnut chair', priceCents: 24_900 },
];

export const STOCK: readonly Stock[] = [
  { sku: FLASH_SKU, available: 50 },
  { sku: 'mug', available: 120 },
  { sku: 'notebook', available: 80 },
  { sku: 'lamp', available: 12 },
  { sku: 'chair', available: 3 },
];

export const CUSTOMERS: readonly Account[] = [
  { id: 'ada', owner: 'Ada', balanceCents: 50_000 },
  { id: 'grace', owner: 'Grace', balanceCents: 30_000 },
  { id: 'alan', owner: 'Alan', balanceCents: 12_000 },
  { id: 'penny', owner: 'Penny', balanceCents: 500 },
];
