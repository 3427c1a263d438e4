import { Injectable, Module, type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { getDataSourceToken, InjectRepository, TypeOrmModule } from '@nestjs/typeorm';
import {
  Column,
  DataSource,
  Entity,
  ManyToOne,
  OneToMany,
  PrimaryColumn,
  Repository,
} from 'typeorm';
import {
  DistributedTxModule,
  InjectTxRepository,
  Propagation,
  Transactional,
  type TxRepository,
} from '../../lib/index.js';
import { TypeOrmParticipant } from '../../lib/typeorm/index.js';
import { Account } from '../support/entities.js';
import { describePostgres, PostgresServer } from '../support/postgres-server.js';

@Entity('orders')
class Order {
  @PrimaryColumn('text')
  id!: string;

  @Column('int')
  amount!: number;

  @OneToMany(() => Note, (note) => note.order, { lazy: true })
  notes?: Promise<Note[]>;
}

@Entity('notes')
class Note {
  @PrimaryColumn('text')
  text!: string;

  @ManyToOne(() => Order, (order) => order.notes, { lazy: true, onDelete: 'CASCADE' })
  order!: Promise<Order>;
}

@Injectable()
class OrderService {
  constructor(
    @InjectRepository(Order) readonly orders: Repository<Order>,
    @InjectRepository(Note) readonly notes: Repository<Note>,
    @InjectTxRepository(Account) readonly accounts: TxRepository<Account>,
  ) {}

  @Transactional()
  async place(id: string, amount: number): Promise<void> {
    const { balance } = await this.accounts.findOneOrFail('buyer');
    await this.orders.save({ id, amount });
    await this.accounts.update('buyer', { balance: balance - amount });
    if (amount > balance) throw new Error('too expensive');
  }

  @Transactional()
  async placeAll(orders: readonly Order[]): Promise<number> {
    for (const { id, amount } of orders) await this.tryToPlace(id, amount).catch(() => undefined);
    return this.orders.count();
  }

  @Transactional({ propagation: Propagation.NESTED })
  async tryToPlace(id: string, amount: number): Promise<void> {
    await this.place(id, amount);
  }

  @Transactional()
  async annotate(id: string, text: string): Promise<Order> {
    const order = await this.orders.findOneByOrFail({ id });
    const note = this.notes.create({ text });
    note.order = Promise.resolve(order);
    await this.notes.save(note);
    return order;
  }

  @Transactional()
  async notesOf(id: string, text: string): Promise<readonly string[]> {
    const order = await this.annotate(id, text);
    const notes = await order.notes!;
    return notes.map((note) => note.text);
  }

  @Transactional()
  async open(balance: number): Promise<void> {
    await this.accounts.save({ id: 'buyer', balance, points: 0 });
  }

  @Transactional({ readOnly: true })
  async balance(): Promise<number> {
    return (await this.accounts.findOneOrFail('buyer')).balance;
  }
}

describePostgres('TypeOrmParticipant in an application with TypeOrmModule', () => {
  let server: PostgresServer;
  let app: INestApplicationContext;
  let service: OrderService;

  beforeAll(async () => {
    server = await PostgresServer.start();
    const { user: username, ...address } = server.address();

    @Module({
      imports: [
        DistributedTxModule.forRoot({ stores: { default: 'embedded' } }),
        DistributedTxModule.forFeature([Account]),
        TypeOrmModule.forRoot({
          ...address,
          type: 'postgres',
          username,
          autoLoadEntities: true,
          synchronize: true,
        }),
        TypeOrmModule.forFeature([Order, Note]),
      ],
      providers: [
        OrderService,
        {
          provide: TypeOrmParticipant,
          inject: [DataSource],
          useFactory: async (dataSource: DataSource) => {
            const participant = new TypeOrmParticipant({ name: 'orders', dataSource });
            await dataSource.query(participant.migration());
            return participant;
          },
        },
      ],
    })
    class AppModule {}

    app = await NestFactory.createApplicationContext(AppModule, { logger: false });
    service = app.get(OrderService);
  });

  afterAll(async () => {
    await app?.close();
    await server.stop();
  });

  beforeEach(async () => {
    await service.orders.createQueryBuilder().delete().execute();
    await service.open(100);
  });

  it('commits what injected repositories of both kinds did, or nothing of it', async () => {
    await service.place('one', 30);
    await expect(service.place('two', 300)).rejects.toThrow('too expensive');

    expect(await service.orders.find()).toEqual([{ id: 'one', amount: 30 }]);
    expect(await service.balance()).toBe(70);
  });

  it('undoes a nested method that failed in both', async () => {
    const orders = [
      { id: 'one', amount: 30 },
      { id: 'two', amount: 300 },
      { id: 'three', amount: 50 },
    ];

    expect(await service.placeAll(orders)).toBe(2);
    expect(await service.orders.count()).toBe(2);
    expect(await service.balance()).toBe(20);
  });

  it('loads lazy relations in the transaction, and after it as ever', async () => {
    await service.place('one', 30);

    expect(await service.notesOf('one', 'first')).toEqual(['first']);
    const order = await service.annotate('one', 'second');
    expect(await order.notes!).toHaveLength(2);
  });

  it('never spends twice, however many calls run at the same time', async () => {
    const calls = Array.from({ length: 12 }, (_, index) => service.place(`${index}`, 20));
    const results = await Promise.allSettled(calls);

    const placed = results.filter(({ status }) => status === 'fulfilled').length;
    expect(await service.orders.count()).toBe(placed);
    expect(await service.balance()).toBe(100 - 20 * placed);
    expect(placed).toBeLessThanOrEqual(5);
  });

  it('gives the data source back as it was, and lets TypeOrmModule close it', async () => {
    const dataSource = app.get<DataSource>(getDataSourceToken());
    await app.close();

    expect(dataSource.isInitialized).toBe(false);
    expect(Object.hasOwn(dataSource, 'createQueryRunner')).toBe(false);
  });
});
