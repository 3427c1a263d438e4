import type { FlashSaleReport } from './flash-sale.report.js';

/** The books of a flash sale as a few lines of text. */
export function printFlashSale({ before, after, ...sale }: FlashSaleReport): string {
  const { buyers, sold, refused, priceCents, tookMs, exact } = sale;
  const price = euro(priceCents);
  return [
    `Flash sale: ${buyers} buyers order the last ${before.stock} pieces at the same time (${tookMs} ms)`,
    `  sold    ${sold}`,
    `  refused ${refused}`,
    `  stock   ${before.stock} - ${sold} = ${after.stock}`,
    `  orders  ${before.orders} + ${sold} = ${after.orders}  rows in PostgreSQL`,
    `  buyers  ${euro(before.buyersCents)} - ${sold} × ${price} = ${euro(after.buyersCents)}`,
    `  shop    ${euro(before.takingsCents)} + ${sold} × ${price} = ${euro(after.takingsCents)}`,
    exact ? '  exact: every piece paid for and ordered, none sold twice' : '  NOT EXACT',
  ].join('\n');
}

function euro(cents: number): string {
  return (cents / 100).toLocaleString('en', { style: 'currency', currency: 'EUR' });
}
