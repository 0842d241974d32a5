export function Cluster({ id }: { id: string }) {
  return <p>{id}</p>;
}
