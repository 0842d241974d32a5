import { useEffect, useState } from "react";
import { Button } from "./ui";

/** The link to what is shown: the address is the whole state of a page. */
export function CopyLink() {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const gone = setTimeout(() => setCopied(false), 3000);
    return () => clearTimeout(gone);
  }, [copied]);
  return (
    <>
      <Button onClick={() => void navigator.clipboard.writeText(window.location.href).then(() => setCopied(true))}>Copy link</Button>
      <span className="sr-only" role="status">
        {copied ? "Link copied" : ""}
      </span>
    </>
  );
}
