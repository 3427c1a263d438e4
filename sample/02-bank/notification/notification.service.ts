import { Injectable } from '@nestjs/common';

/** Stands for mail, messages or a queue: what is sent cannot be taken back. */
@Injectable()
export class NotificationService {
  readonly sent: string[] = [];

  async send(text: string): Promise<void> {
    this.sent.push(text);
  }
}
