import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { AppModule } from './app.module.js';
import { configureApp } from './configure-app.js';
import { DemoDataService } from './demo/demo-data.service.js';
import { FlashSaleService } from './demo/flash-sale.service.js';
import { printFlashSale } from './demo/print-flash-sale.js';
import { listen } from './listen.js';
import { nameOfStore } from '../store-of-environment.js';

const app = configureApp(
  await NestFactory.create<NestExpressApplication>(AppModule, {
    logger: ['fatal', 'error', 'warn'],
    // A browser keeps connections open that it does not use; Ctrl-C shall not wait for them.
    forceCloseConnections: true,
  }),
);
app.enableShutdownHooks([], { useProcessExit: true });

try {
  await app.get(DemoDataService).reset();
  const { url, note } = await listen(app);
  const report = await app.get(FlashSaleService).run();
  const store = nameOfStore();
  console.log(`\n${printFlashSale(report)}\n`);
  if (note) console.log(note);
  console.log(`Shop     ${url}`);
  console.log(`OpenAPI  ${url}/api`);
  console.log(`Store    ${store}`);
  console.log('Ctrl-C ends it.');
} catch (error) {
  await app.close();
  throw error;
}
