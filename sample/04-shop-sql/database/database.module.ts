import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { TypeOrmParticipant } from 'nestjs-distributed-tx/typeorm';
import { DataSource } from 'typeorm';
import { databaseOptions } from './database-options.js';

/**
 * Has the database take part in transactions: the application finds the participant among its
 * providers, and from then on every `Repository` of this data source follows `@Transactional()`.
 */
@Module({
  imports: [TypeOrmModule.forRootAsync({ useFactory: databaseOptions })],
  providers: [
    {
      provide: TypeOrmParticipant,
      inject: [DataSource],
      useFactory: async (dataSource: DataSource): Promise<TypeOrmParticipant> => {
        const participant = new TypeOrmParticipant({ name: 'shop-db', dataSource });
        // The table in which a commit leaves its decision; an application creates it by a migration.
        await dataSource.query(participant.migration());
        return participant;
      },
    },
  ],
})
export class DatabaseModule {}
