import { fileURLToPath } from 'node:url';
import { ValidationPipe } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { DistributedTxExceptionFilter } from 'nestjs-distributed-tx';

const page = fileURLToPath(new URL('./public', import.meta.url));

/** What the server and the e2e tests have in common: validation, errors, documentation, the page. */
export function configureApp(app: NestExpressApplication): NestExpressApplication {
  app.useGlobalPipes(new ValidationPipe({ whitelist: true, transform: true }));
  app.useGlobalFilters(new DistributedTxExceptionFilter());
  app.useStaticAssets(page);
  app.disable('x-powered-by');
  const description = new DocumentBuilder()
    .setTitle('Shop')
    .setDescription('Orders, stock and payments that change as one.')
    .setVersion('1.0')
    .build();
  SwaggerModule.setup('api', app, () => SwaggerModule.createDocument(app, description));
  return app;
}
