import { Injectable } from '@nestjs/common';
import { InjectTxRepository, Transactional, TxRepository } from 'nestjs-distributed-tx';
import { Profile, type ProfileCount } from './profile.entity.js';

@Injectable()
export class UserService {
  constructor(@InjectTxRepository(Profile) private readonly profiles: TxRepository<Profile>) {}

  /** @throws EntityAlreadyExistsError */
  @Transactional()
  async join(id: string, name: string): Promise<void> {
    await this.profiles.insert({ id, name, friends: 0, followers: 0, posts: 0 });
  }

  /** @throws EntityNotFoundError */
  profile(id: string): Promise<Profile> {
    return this.profiles.findOneOrFail(id);
  }

  /** @throws EntityNotFoundError when the transaction commits and there is no such user. */
  @Transactional()
  async count(id: string, what: ProfileCount, by: 1 | -1): Promise<void> {
    await this.profiles.increment(id, what, by, { min: 0 });
  }
}
