import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { BankModule } from './bank.module.js';
import { Story } from './story.js';
import { nameOfStore } from '../store-of-environment.js';

const app = await NestFactory.createApplicationContext(BankModule, {
  logger: ['fatal', 'error', 'warn'],
});
try {
  const store = nameOfStore();
  console.log(`A day at the bank (${store})`);
  for await (const line of app.get(Story).tell()) console.log(line);
} finally {
  await app.close();
}
