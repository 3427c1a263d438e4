import type { TypeOrmModuleOptions } from '@nestjs/typeorm';

/** The PostgreSQL of PG_URL. */
export function databaseOptions(): TypeOrmModuleOptions {
  const url = process.env['PG_URL'];
  if (!url) {
    throw new Error(
      'PG_URL names no database: PG_URL=postgresql://user:password@localhost:5432/shop',
    );
  }
  return {
    type: 'postgres',
    url,
    autoLoadEntities: true,
    // For a sample; an application has migrations.
    synchronize: true,
    uuidExtension: 'pgcrypto',
    retryAttempts: 0,
  };
}
