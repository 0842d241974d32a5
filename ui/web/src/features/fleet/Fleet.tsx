export function Fleet() {
  return <p>soon</p>;
}
