import { TxEntity } from 'nestjs-distributed-tx';

@TxEntity({ name: 'post' })
export class Post {
  id!: string;
  authorId!: string;
  text!: string;
}
