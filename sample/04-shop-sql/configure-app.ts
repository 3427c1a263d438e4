import { ValidationPipe } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { DistributedTxExceptionFilter } from 'nestjs-distributed-tx';

/** What the server and the e2e tests have in common: validation, errors, documentation. */
export function configureApp(app: NestExpressApplication): NestExpressApplication {
  app.useGlobalPipes(new ValidationPipe({ whitelist: true, transform: true }));
  app.useGlobalFilters(new DistributedTxExceptionFilter());
  app.disable('x-powered-by');
  const description = new DocumentBuilder()
    .setTitle('Shop with a database')
    .setDescription('Orders in PostgreSQL, stock in Redis and payments that change as one.')
    .setVersion('1.0')
    .build();
  SwaggerModule.setup('api', app, () => SwaggerModule.createDocument(app, description));
  return app;
}
