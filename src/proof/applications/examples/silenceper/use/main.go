// Use calls WeChat as silenceper's GetAPIDomainIP does, with the example's handle. It prints what the examples print, and takes
// the same environment.
package main

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"

	"github.com/go-sql-driver/mysql"
	"github.com/silenceper/wechat/v2/util"
	"tabletoken"
)

func run() error {
	pem, err := os.ReadFile(os.Getenv("MYSQL_SSL_CA"))
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	if err = mysql.RegisterTLSConfig("wx", &tls.Config{RootCAs: roots, ServerName: os.Getenv("MYSQL_HOST")}); err != nil {
		return err
	}
	config := mysql.NewConfig()
	config.Net, config.Addr = "tcp", os.Getenv("MYSQL_HOST")+":"+os.Getenv("MYSQL_PORT")
	config.User, config.Passwd, config.DBName = os.Getenv("MYSQL_USER"), os.Getenv("MYSQL_PASSWORD"), os.Getenv("MYSQL_DATABASE")
	config.TLSConfig = "wx"
	db, err := sql.Open("mysql", config.FormatDSN())
	if err != nil {
		return err
	}
	defer db.Close()
	handle := &tabletoken.Handle{DB: db, AppID: os.Getenv("WX_APPID")}
	var answer []byte
	err = handle.Retry(func() error {
		token, err := handle.GetAccessToken()
		if err != nil {
			return err
		}
		response, err := http.Get(os.Getenv("WX_API") + "/cgi-bin/get_api_domain_ip?access_token=" + token)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if answer, err = io.ReadAll(response.Body); err != nil {
			return err
		}
		return util.DecodeWithCommonError(answer, "GetAPIDomainIP")
	})
	if err != nil {
		return err
	}
	token, err := handle.GetAccessToken()
	if err != nil {
		return err
	}
	fingerprint := sha256.Sum256([]byte(token))
	fmt.Printf("token %x %s\n", fingerprint[:6], answer)
	return nil
}

func main() {
	log.SetFlags(0)
	if err := run(); err != nil {
		log.Fatal(err)
	}
}
