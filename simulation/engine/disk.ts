interface File {
  bytes: Buffer;
  /** So many of them are safe, whatever happens. */
  safe: number;
}

/** A disk in memory, in place of the machine's: it may be full, and says so by taking less than it was given. */
export const disk = {
  files: new Map<string, File>(),
  freeBytes: Number.POSITIVE_INFINITY,
  /** Told of every whole line that is safe from now on. */
  onLine: (_line: string) => {},
};

const openFile = (file: File) => ({
  async write(buffer: Buffer, offset: number, length: number, position: number) {
    const bytesWritten = Math.min(length, disk.freeBytes);
    disk.freeBytes -= bytesWritten;
    // Only ever at the end.
    file.bytes = Buffer.concat([
      file.bytes.subarray(0, position),
      buffer.subarray(offset, offset + bytesWritten),
    ]);
    return { bytesWritten };
  },
  async sync() {
    const whole = file.bytes.subarray(file.safe, file.bytes.lastIndexOf('\n') + 1);
    file.safe += whole.length;
    if (whole.length > 0) whole.toString().slice(0, -1).split('\n').forEach(disk.onLine);
  },
  async truncate(length: number) {
    file.bytes = file.bytes.subarray(0, length);
  },
  async close() {},
});

/** As much of node:fs/promises as an archive needs. */
export const open = async (path: string, flags: string) => {
  if (flags === 'wx' && disk.files.has(path)) throw new Error('EEXIST: file already exists');
  const file = { bytes: Buffer.alloc(0), safe: 0 };
  if (flags === 'wx') disk.files.set(path, file);
  return openFile(file);
};
export const rm = async (path: string) => {
  disk.files.delete(path);
};

/** As much of a stream as its reader needs: a text that comes in two pieces. */
export const createReadStream = (path: string) => {
  const text = disk.files.get(path)?.bytes.toString() ?? '';
  return {
    setEncoding() {},
    async *[Symbol.asyncIterator]() {
      yield text.slice(0, text.length / 2);
      yield text.slice(text.length / 2);
    },
  };
};
