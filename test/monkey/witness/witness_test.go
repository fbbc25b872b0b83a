package witness
import ("testing";"fmt";"time")
func TestT(t *testing.T){
 k:=&Keyring{}; k.Add("b"); k.Add("a")
 b:=time.Now(); v,err:=Read("/dev/shm/mk/v.img",k); fmt.Println(time.Since(b))
 fmt.Printf("%+v\n%+v %v\n",v.Primary,v.Secondary,err)
 b=time.Now(); v,err=Read("/dev/shm/mk/v.img",k); fmt.Println(time.Since(b))
}
