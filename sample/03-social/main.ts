import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { SocialModule } from './social.module.js';
import { Story } from './story.js';
import { nameOfStore } from '../store-of-environment.js';

const app = await NestFactory.createApplicationContext(SocialModule, {
  logger: ['fatal', 'error', 'warn'],
});
try {
  const store = nameOfStore();
  console.log(`An evening on the network (${store})`);
  for await (const line of app.get(Story).tell()) console.log(line);
} finally {
  await app.close();
}
