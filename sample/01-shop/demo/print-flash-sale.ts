import type { FlashSaleReport } from './flash-sale.report.js';

/** The books of a flash sale as a few lines of text. */
export function printFlashSale({ before, after, ...sale }: FlashSaleReport): string {
  const paid = sale.sold * sale.priceCents;
  return [
    `Flash sale: ${sale.buyers} buyers order the last ${before.stock} pieces at the same time (${sale.tookMs} ms)`,
    `  sold    ${sale.sold}`,
    `  refused ${sale.refused}`,
    `  stock   ${before.stock} - ${sale.sold} = ${after.stock}`,
    `  buyers  ${euro(before.buyersCents)} - ${sale.sold} × ${euro(sale.priceCents)} = ${euro(after.buyersCents)}`,
    `  shop    ${euro(before.takingsCents)} + ${euro(paid)} = ${euro(after.takingsCents)}`,
    sale.exact ? '  exact: every piece paid for, no piece sold twice' : '  NOT EXACT',
  ].join('\n');
}

function euro(cents: number): string {
  return (cents / 100).toLocaleString('en', { style: 'currency', currency: 'EUR' });
}
