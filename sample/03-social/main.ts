import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { SocialModule } from './social.module.js';
import { Story } from './story.js';

const app = await NestFactory.createApplicationContext(SocialModule, {
  logger: ['fatal', 'error', 'warn'],
});
try {
  const store = process.env['REDIS_URL'] ? 'Redis' : 'embedded store; set REDIS_URL for Redis';
  console.log(`An evening on the network (${store})`);
  for await (const line of app.get(Story).tell()) console.log(line);
} finally {
  await app.close();
}
