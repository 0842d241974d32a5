import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { Licence } from "../../api/queries";
import { aboutQuery, licencesQuery } from "../../api/queries";
import { Card, Failure, Skeleton, scrollClass, tableClass } from "../../components/ui";
import { Facts } from "./Facts";
import css from "./Settings.module.css";

/** What is running, and the licences of all that is in it. */
export function About() {
  const about = useQuery(aboutQuery());
  const a = about.data?.data;
  return (
    <Card title="About" note="fleetcost is free software, Apache-2.0">
      {about.error && <Failure what="The server could not be described." error={about.error} />}
      {!a && about.isPending && (
        <div aria-busy="true" aria-label="Loading">
          <Skeleton height="12rem" />
        </div>
      )}
      {a && (
        <div className={css.stack}>
          <Facts
            label="Versions"
            facts={[
              ["fleetcost", [a.version, a.revision?.slice(0, 12), a.builtAt].filter(Boolean).join(", ")],
              ["Go", `${a.go}, ${a.platform}`],
              ["Database engine", a.engine],
              ["Bucket format", a.format],
              ["Data version", a.dataVersion],
              ["Licence", a.licence],
            ]}
          />
          <h3 className={css.sub}>Embedded prices</h3>
          <div className={scrollClass} tabIndex={0} role="region" aria-label="Embedded prices">
            <table className={tableClass}>
              <caption className="sr-only">Where embedded prices come from</caption>
              <thead>
                <tr>
                  <th scope="col">Price books</th>
                  <th scope="col">What</th>
                  <th scope="col">Collected by</th>
                  <th scope="col">As of</th>
                  <th scope="col">Licence</th>
                  <th scope="col">Copyright</th>
                </tr>
              </thead>
              <tbody>
                {a.prices.map((p) => (
                  <tr key={p.origin}>
                    <th scope="row">{p.books.join(", ")}</th>
                    <td>{p.what}</td>
                    <td>{p.origin.replace("https://", "")}</td>
                    <td className={css.short}>{p.asOf}</td>
                    <td className={css.short}>{p.licence}</td>
                    <td>{p.holder}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          <h3 className={css.sub}>Licences of what is inside</h3>
          <Licences of="go" title={`Go modules in the server (${a.modules.length})`} />
          <Licences of="npm" title="JavaScript packages in these pages" />
        </div>
      )}
    </Card>
  );
}

/** A list that is fetched when somebody opens it. */
function Licences({ of, title }: { of: "go" | "npm"; title: string }) {
  const [open, setOpen] = useState(false);
  const list = useQuery({ ...licencesQuery(of), enabled: open });
  return (
    <details className={css.licences} onToggle={(e) => setOpen(e.currentTarget.open)}>
      <summary>{title}</summary>
      {list.error && <Failure what="The licences could not be read." error={list.error} />}
      {list.data === null && (
        <p className="soft">This build has no list: it was built without `make build`. The modules and packages carry their licences.</p>
      )}
      {list.data && (
        <ul>
          {list.data.map((l) => (
            <li key={`${l.name}@${l.version}`}>
              <Text licence={l} />
            </li>
          ))}
        </ul>
      )}
    </details>
  );
}

function Text({ licence: l }: { licence: Licence }) {
  const [open, setOpen] = useState(false);
  return (
    <details onToggle={(e) => setOpen(e.currentTarget.open)}>
      <summary>
        {l.name} <span className="soft">{l.version}</span> · {l.licence}
      </summary>
      {open && (
        <pre className={css.text} tabIndex={0} aria-label={`Licence of ${l.name}`}>
          {l.texts.join("\n\n")}
        </pre>
      )}
    </details>
  );
}
