export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

export const json = (status: number, body: object, headers: Record<string, string> = {}): Answer => ({
  status,
  headers: { 'Content-Type': 'application/json;charset=UTF-8', ...headers },
  body: JSON.stringify(body),
});
