// Reader calls WeChat's API with the access_token in wx_token; it never fetches one.
//
// It needs Go 1.19 or later and github.com/go-sql-driver/mysql (go mod init reader && go mod tidy). Run it as a database user
// that may do what wx_reader may:
//
//	MYSQL_HOST=db.example.com MYSQL_USER=wx_reader MYSQL_PASSWORD=... MYSQL_DATABASE=wx MYSQL_SSL_CA=/etc/mysql/ca.pem \
//		WX_APPID=wx0123456789abcdef go run reader.go
package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/go-sql-driver/mysql"
)

// ErrTokenRefused says that WeChat refuses the token in the row. Its refresh is requested and comes with the next run, within
// a minute or two. A web request should not wait for that: answer 503 with Retry-After: 60, or put the work back into its queue.
var ErrTokenRefused = errors.New("a refresh of the token is requested, try again in a minute")

// WeChat calls the API for one account.
type WeChat struct {
	DB    *sql.DB
	AppID string
	API   string
}

// Call returns the token that WeChat took, and its answer.
func (w *WeChat) Call(ctx context.Context, path string) (string, json.RawMessage, error) {
	var refused string
	var errcode int
	for attempt := 0; attempt < 2; attempt++ {
		var id int
		var token string
		err := w.DB.QueryRowContext(ctx,
			"SELECT id, value FROM wx_token WHERE app_id = ? AND type = 'access_token' AND value <> ''", w.AppID).Scan(&id, &token)
		if err != nil {
			return "", nil, fmt.Errorf("the access_token of %s in wx_token: %w", w.AppID, err)
		}
		if token == refused {
			break
		}
		var answer json.RawMessage
		if answer, errcode, err = w.get(ctx, path, token); err != nil {
			return "", nil, err
		}
		if errcode != 40001 && errcode != 40014 && errcode != 42001 {
			return token, answer, nil
		}
		refused = token
		// Changes nothing if the row has a newer token by now: the loop then tries that one.
		if _, err = w.DB.ExecContext(ctx,
			"UPDATE wx_token SET refresh_requested = 1 WHERE id = ? AND value = ? AND refresh_requested = 0", id, token); err != nil {
			return "", nil, err
		}
	}
	return "", nil, fmt.Errorf("errcode %d: %w", errcode, ErrTokenRefused)
}

func (w *WeChat) get(ctx context.Context, path, token string) (answer json.RawMessage, errcode int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.API+path, nil)
	if err != nil {
		return nil, 0, err
	}
	request.URL.RawQuery = url.Values{"access_token": {token}}.Encode()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		var withURL *url.Error // its text has the token
		if errors.As(err, &withURL) {
			err = withURL.Err
		}
		return nil, 0, fmt.Errorf("WeChat: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, 0, fmt.Errorf("WeChat: %s", response.Status)
	}
	if err = json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return nil, 0, fmt.Errorf("WeChat: %w", err)
	}
	var failure struct{ Errcode int }
	err = json.Unmarshal(answer, &failure)
	return answer, failure.Errcode, err
}

func connect() (*sql.DB, error) {
	config := mysql.NewConfig()
	config.Net = "tcp"
	config.Addr = net.JoinHostPort(env("MYSQL_HOST", "127.0.0.1"), env("MYSQL_PORT", "3306"))
	config.User, config.Passwd, config.DBName = os.Getenv("MYSQL_USER"), os.Getenv("MYSQL_PASSWORD"), os.Getenv("MYSQL_DATABASE")
	config.Timeout = 5 * time.Second
	if file := os.Getenv("MYSQL_SSL_CA"); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(pem)
		host := env("MYSQL_HOST", "127.0.0.1")
		if err := mysql.RegisterTLSConfig("wx", &tls.Config{RootCAs: roots, ServerName: host}); err != nil {
			return nil, err
		}
		config.TLSConfig = "wx"
	}
	return sql.Open("mysql", config.FormatDSN())
}

func env(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func run(ctx context.Context) error {
	db, err := connect()
	if err != nil {
		return err
	}
	defer db.Close()
	weChat := &WeChat{DB: db, AppID: os.Getenv("WX_APPID"), API: env("WX_API", "https://api.weixin.qq.com")}
	token, answer, err := weChat.Call(ctx, "/cgi-bin/get_api_domain_ip")
	if err != nil {
		return err
	}
	// A token is never printed; its fingerprint is the one that wx-token prints.
	fingerprint := sha256.Sum256([]byte(token))
	fmt.Printf("token %x %s\n", fingerprint[:6], answer)
	return nil
}

func main() {
	log.SetFlags(0)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := run(ctx); err != nil {
		log.Fatal(err)
	}
}
