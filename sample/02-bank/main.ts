import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { BankModule } from './bank.module.js';
import { Story } from './story.js';

const app = await NestFactory.createApplicationContext(BankModule, {
  logger: ['fatal', 'error', 'warn'],
});
try {
  const store = process.env['REDIS_URL'] ? 'Redis' : 'embedded store; set REDIS_URL for Redis';
  console.log(`A day at the bank (${store})`);
  for await (const line of app.get(Story).tell()) console.log(line);
} finally {
  await app.close();
}
