import type { Delivery } from '../inventory/inventory.service.js';
import { TILL } from '../payment/payment.service.js';

/** The product of the flash sale. */
export const FLASH_SKU = 'keyboard-50';

export const DELIVERIES: readonly Delivery[] = [
  { sku: FLASH_SKU, name: 'Anniversary keyboard', priceCents: 8900, available: 50 },
  { sku: 'mug', name: 'Stoneware mug', priceCents: 1450, available: 120 },
  { sku: 'lamp', name: 'Desk lamp', priceCents: 5900, available: 12 },
  { sku: 'chair', name: 'Walnut chair', priceCents: 24_900, available: 3 },
];

export const BALANCES: Readonly<Record<string, number>> = {
  [TILL]: 0,
  ada: 50_000,
  grace: 30_000,
  penny: 500,
};
