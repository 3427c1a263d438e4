import { TestRuntime } from './test-runtime.js';

/** Opens runtimes for the tests of one spec, and closes those that a test left open. */
export class RuntimeShelf {
  #open: TestRuntime[] = [];

  async open(options: Parameters<typeof TestRuntime.open>[0]): Promise<TestRuntime> {
    const runtime = await TestRuntime.open(options);
    this.#open.push(runtime);
    return runtime;
  }

  async closeAll(): Promise<void> {
    await Promise.all(this.#open.splice(0).map((runtime) => runtime.close()));
  }
}
