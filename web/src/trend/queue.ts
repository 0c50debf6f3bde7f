// Runs asynchronous work a few at a time: a machine with a hundred sensors must not ask for a hundred histories at once.

export class WorkQueue {
  private running = 0;
  private readonly waiting: (() => Promise<void>)[] = [];

  constructor(private readonly at_once: number) {}

  add(work: () => Promise<void>): void {
    this.waiting.push(work);
    this.next();
  }

  clear(): void {
    this.waiting.length = 0;
  }

  private next(): void {
    while (this.running < this.at_once) {
      const work = this.waiting.shift();
      if (!work) return;
      ++this.running;
      void work()
        .catch(() => {})
        .finally(() => {
          --this.running;
          this.next();
        });
    }
  }
}
